/** As makedev(3) has it: both in one number. */
export function deviceNumber(major: number, minor: number): bigint {
  // Most have but two bytes.
  if (major < 0x1000 && minor < 0x100) return BigInt(major * 0x100 + minor);
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
}

/** The other way: major and minor number. */
export const deviceOf = (number: bigint): readonly [major: number, minor: number] => [
  Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
  Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
];
