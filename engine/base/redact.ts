const shortest = 4;

/** Replaces secret values (and their base64 and URL-encoded forms) in text that leaves the process. */
export interface Redactor {
  /** Values under 4 characters are not replaced: they would blank out ordinary text. */
  add(secret: string): void;
  redact(text: string): string;
  /**
   * How much of a text that goes on may be redacted and shown now, in UTF-16 units: a tail that may be the beginning of
   * a secret is left for the next piece, and no secret is cut in two.
   */
  safeLength(text: string): number;
}

/** Length of the longest end of `text` that is the beginning of `secret`, but not all of it. */
function openEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let longestFirst: string[] = [];
  return {
    add(secret) {
      // A multi-line secret (a key file) may be printed line by line.
      for (const form of [secret, secret.trim(), ...secret.split('\n').map((line) => line.trim())]) {
        if (form.length < shortest) continue;
        secrets.add(form);
        secrets.add(Buffer.from(form).toString('base64'));
        secrets.add(encodeURIComponent(form));
      }
      longestFirst = [...secrets].sort((a, b) => b.length - a.length);
    },
    redact(text) {
      let out = text;
      for (const secret of longestFirst) if (out.includes(secret)) out = out.replaceAll(secret, '***');
      return out;
    },
    safeLength(text) {
      let cut = text.length;
      for (const secret of longestFirst) cut = Math.min(cut, text.length - openEnd(text, secret));
      // The cut may fall into a shorter secret that is there in full: it is left for the next piece too.
      for (let moved = cut < text.length; moved;) {
        moved = false;
        for (const secret of longestFirst) {
          const at = text.lastIndexOf(secret, cut - 1);
          if (at >= 0 && at < cut && at + secret.length > cut) {
            cut = at;
            moved = true;
          }
        }
      }
      return cut;
    },
  };
}
