import {openContext} from '../../engine/context/open-context.js';
import {contextDigests} from '../../engine/context/digest.js';
import {contextTar} from '../../engine/context/tar/context-tar.js';

/**
 * `context-child tar|digests DIRECTORY [CACHE]`: one round; prints seconds (of the stream, modules being loaded),
 * processor seconds (of all threads), bytes (or paths) and peak RSS in MiB.
 */
const [, , what, directory = '.', cacheFile = ''] = process.argv;
const {signal} = new AbortController();
const context = await openContext(directory, {}, signal);
const before = process.cpuUsage();
const started = performance.now();
let amount = 0;
if (what === 'tar') for await (const chunk of contextTar(context, {reuse: true}, signal)) amount += chunk.length;
else for await (const one of contextDigests(context, {cacheFile}, signal)) amount += one.path === '' ? 0 : 1;
const seconds = (performance.now() - started) / 1000;
const {user, system} = process.cpuUsage(before);
const processor = (user + system) / 1e6;
console.log(JSON.stringify({seconds, processor, amount, megabytes: process.resourceUsage().maxRSS / 1024}));
