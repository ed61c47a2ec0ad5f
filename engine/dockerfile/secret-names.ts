const secretWord = /(?:^|_)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const publicWord = /(?:^|_)public(?:_|$)/i;

/** True for a variable named like a secret (`API_KEY`, `github_token`, not `PUBLIC_KEY`), as BuildKit decides it. */
export function isSecretName(name: string): boolean {
  return secretWord.test(name) && !publicWord.test(name);
}

/** What a credential looks like, whatever it is named. Only forms that are nothing else. */
const credentialForms: readonly (readonly [RegExp, string])[] = [
  [/[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@$'"]{0,200}:[^\s/@$'"]{1,200}@/i, 'a URL with a password'],
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/, 'a private key'],
  [/\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36}/, 'a GitHub token'],
  [/\bgithub_pat_[A-Za-z0-9_]{60}/, 'a GitHub token'],
  [/\bglpat-[\w-]{20}/, 'a GitLab token'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, 'an AWS access key'],
  [/\bxox[abprs]-[A-Za-z0-9-]{10}/, 'a Slack token'],
  [/\bdckr_pat_[\w-]{20}/, 'a Docker Hub token'],
];

/** Kind of the credential that the value holds, or undefined. The value itself belongs in no message. */
export function credentialIn(value: string): string | undefined {
  return credentialForms.find(([form]) => form.test(value))?.[1];
}
