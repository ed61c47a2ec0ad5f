import {visible} from '../base/visible.js';
import type {BuildContext} from '../context/context.js';
import {adviseByUse} from '../job/advise/advise.js';
import type {Finding, SentFile} from '../job/advise/finding.js';
import {earlierBuilds} from '../job/explain/earlier-builds.js';
import {projectOf} from '../job/project.js';
import {planRedactor} from '../plan/secrets.js';
import {count, formatDuration} from '../progress/format.js';
import type {BuildFlags} from './build-options.js';
import {parseCount} from './flag-values.js';
import {openJob} from './open-job.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface AdviseFlags extends BuildFlags {
  readonly last?: string;
}

/** As many as the history keeps of one project. */
const mostBuilds = 200;

/** `build-image advise`: what past builds show to be of no use, or in the wrong place. Nothing is built. */
export async function adviseCommand(
  path: string | undefined,
  flags: AdviseFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const most = flags.last === undefined ? mostBuilds : parseCount(flags.last, '--last');
  const job = await openJob(path, flags, terminal, signal);
  try {
    const {driver} = flags;
    const wanted = driver === 'auto' ? {} : {driver};
    const root = storeRoot(flags.root, terminal);
    const past = await earlierBuilds(root, {project: projectOf(job), most, ...wanted}, signal);
    const sent = past.records.length === 0 ? undefined : await sentFiles(job.context, signal);
    const {graph} = job.plan;
    const findings = adviseByUse({graph, past, sent, redact: planRedactor(graph).redact});
    const {file} = job.dockerfile;
    const builds = past.records.length;
    if (flags.json === true) {
      terminal.answer(`${JSON.stringify({dockerfile: file, builds, findings}, null, 2)}\n`);
      return 0;
    }
    for (const finding of findings) terminal.answer(visible(rendered(finding, file)));
    terminal.answer(`${conclusion(file, findings.length, builds)}\n`);
    return 0;
  } finally {
    await job.close();
  }
}

async function sentFiles(context: BuildContext, signal: AbortSignal): Promise<readonly SentFile[]> {
  const found: SentFile[] = [];
  for await (const {path, type, size} of context.walk(signal)) if (type !== 'directory') found.push({path, size});
  return found;
}

function rendered({line, instruction, seconds, text}: Finding, file: string): string {
  const at = line > 0 ? `${file}:${line}: ${instruction}\n    ` : '';
  return `${at}${text}${seconds > 0 ? ` (${formatDuration(seconds)})` : ''}\n`;
}

function conclusion(file: string, findings: number, builds: number): string {
  const looked = `${file}: ${count(builds, 'past build')} looked at`;
  if (builds < 2) return `${looked}: too few to compare; advice needs two at least`;
  return findings === 0 ? `${looked}: nothing to advise` : `${looked}, ${count(findings, 'finding')}`;
}
