/** Order of a character in the parts that are no digits: `~` before the end, letters before all else. */
function rank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}

function compareText(a: string, b: string): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = rank(a[index]) - rank(b[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers of any length. */
function compareDigits(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

/** Texts and numbers in turn, beginning with a text that may be empty. */
function comparePart(a: string, b: string): number {
  const [x, y] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let index = 0; index < Math.max(x.length, y.length); index++) {
    const compare = index % 2 === 0 ? compareText : compareDigits;
    const difference = compare(x[index] ?? '', y[index] ?? '');
    if (difference !== 0) return difference;
  }
  return 0;
}

function partsOf(version: string): {epoch: string; upstream: string; revision: string} {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? '0' : version.slice(0, colon),
    upstream: hyphen < 0 ? rest : rest.slice(0, hyphen),
    revision: hyphen < 0 ? '' : rest.slice(hyphen + 1),
  };
}

/** Negative, 0 or positive: the order of Debian Policy, section 5.6.12, on valid versions. */
export function compareDebianVersions(a: string, b: string): number {
  const [x, y] = [partsOf(a), partsOf(b)];
  return compareDigits(x.epoch, y.epoch) || comparePart(x.upstream, y.upstream) || comparePart(x.revision, y.revision);
}

/** Debian Policy, section 5.6.12: `[epoch:]upstream[-revision]`. */
export function isDebianVersion(text: string): boolean {
  return /^(?:\d+:[A-Za-z0-9][A-Za-z0-9.+~:-]*|[A-Za-z0-9][A-Za-z0-9.+~-]*)$/.test(text) && !text.endsWith('-');
}
