import {createPlainProgress} from './plain.js';
import type {Progress, ProgressOptions} from './progress.js';
import {createQuietProgress} from './quiet.js';
import {createRawJsonProgress} from './rawjson.js';
import type {Estimate} from './terminal.js';

export const progressModes = ['auto', 'tty', 'plain', 'rawjson', 'quiet'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** Standard error as the command line sees it. */
export interface ProgressStream extends ProgressOptions {
  readonly isTerminal: boolean;
  /** TERM=dumb or none: no cursor movement. */
  readonly isDumb: boolean;
  /** A CI job: its log is read later, not watched. */
  readonly isCi: boolean;
  readonly columns: () => number;
  readonly rows: () => number;
  readonly estimate?: Estimate;
}

/** `auto` is the live view on a terminal that can show it, else plain lines; so is `tty` without a terminal. */
export async function createProgress(mode: ProgressMode, stream: ProgressStream): Promise<Progress> {
  switch (mode) {
    case 'auto':
      return stream.isTerminal && !stream.isDumb && !stream.isCi ? liveView(stream) : plainLines(stream);
    case 'tty':
      // Cursor sequences in a file or a pipe are of use to nobody.
      return stream.isTerminal ? liveView(stream) : plainLines(stream);
    case 'plain':
      return plainLines(stream);
    case 'rawjson':
      return createRawJsonProgress(stream);
    case 'quiet':
      return createQuietProgress(stream);
  }
}

/** Without colours nothing is loaded for them: that looks at this process's outputs, which takes some milliseconds. */
async function plainLines(stream: ProgressStream): Promise<Progress> {
  if (!stream.color) return createPlainProgress(stream);
  const {default: picocolors} = await import('picocolors');
  return createPlainProgress(stream, picocolors.createColors(true));
}

/** Loaded where it is shown: measuring the width of text costs tens of milliseconds to begin with. */
async function liveView(stream: ProgressStream): Promise<Progress> {
  return (await import('./terminal.js')).createTerminalProgress(stream);
}
