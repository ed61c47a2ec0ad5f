import {didYouMean} from '../base/nearest.js';
import type {Device} from './ast.js';
import {failure, type Context} from './fail.js';
import {csvFields, parseSwitch} from './mount.js';

const keys = ['name', 'required'];

/**
 * Reads the text of `RUN --device=NAME[,required]` (Dockerfile reference: "RUN --device"). The first field that is no option
 * is the name, whatever `=` it holds: `vendor.example/class=left`. Variables are not expanded, as in the published frontend.
 * Throws BuildError DOCKERFILE_FLAG.
 */
export function parseDevice(text: string, context: Context): Device {
  const fail = (message: string, token = text) =>
    failure(context, 'DOCKERFILE_FLAG', message, {
      token,
      remedy: 'For example: --device=vendor.example/class=gpu,required',
    });
  const fields = csvFields(text);
  if (fields === undefined) throw fail(`--device has a quote in the wrong place: ${text}`);
  let name = '';
  let required = false;
  for (const field of fields) {
    const equals = field.indexOf('=');
    const key = field.slice(0, equals === -1 ? undefined : equals).toLowerCase();
    const value = equals === -1 ? undefined : field.slice(equals + 1);
    if (key === 'required') {
      const read = parseSwitch(value ?? 'true');
      if (read === undefined) throw fail(`--device option "required" takes true or false, not "${value ?? ''}"`, field);
      required = read;
    } else if (key === 'name' && value !== undefined) {
      if (name !== '') throw fail(`--device has two names: ${name} and ${value}`, field);
      name = value;
    } else if (name === '') {
      name = field;
    } else {
      throw fail(`--device has no option "${key}"${didYouMean(key, keys)}`, field);
    }
  }
  if (name === '') throw fail('--device names no device');
  return {name, required};
}
