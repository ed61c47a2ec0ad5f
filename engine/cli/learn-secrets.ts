import {readFile} from 'node:fs/promises';
import type {Redactor} from '../base/redact.js';
import type {PreparedJob} from '../job/prepare.js';
import type {Plan} from '../plan/plan.js';
import {secretValues} from '../plan/secrets.js';

/** Values that must not be shown: secrets as they are read, and ARGs whose names say so. */
export async function learnSecrets(redactor: Redactor, {settings, plan}: PreparedJob): Promise<void> {
  for (const source of settings.secrets.values()) {
    if (source.kind !== 'file') redactor.add(Buffer.from(source.value).toString());
    // A file that is not there is an error when a step asks for it.
    else redactor.add(await readFile(source.path, 'utf8').catch(() => ''));
  }
  learnPlanSecrets(redactor, plan);
}

export function learnPlanSecrets(redactor: Redactor, plan: Plan): void {
  for (const value of secretValues(plan.graph)) redactor.add(value);
}
