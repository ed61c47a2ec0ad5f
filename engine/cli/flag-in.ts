/**
 * The last value of a flag such as `--root`, before commander has read the arguments; undefined where there is none. Where commander
 * takes the arguments otherwise, the build itself says so.
 */
export function flagIn(argv: readonly string[], flag: string): string | undefined {
  const at = argv.lastIndexOf(flag);
  return at === -1 ? argv.findLast((each) => each.startsWith(`${flag}=`))?.slice(flag.length + 1) : argv[at + 1];
}
