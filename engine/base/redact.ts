const shortest = 4;

/** Replaces secret values (and their base64 and URL-encoded forms) in text that leaves the process. */
export interface Redactor {
  /** Values under 4 characters are not replaced: they would blank out ordinary text. */
  add(secret: string): void;
  redact(text: string): string;
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
  };
}
