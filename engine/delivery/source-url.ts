/**
 * Address of a repository for a browser, from what git calls a remote: `git@host:team/app.git` is `https://host/team/app`.
 * Without user, password and query. Undefined for a path of this machine and what is no address.
 */
export function sourceUrl(remote: string): string | undefined {
  const scp = /^(?:[\w.-]+@)?([\w-]+(?:\.[\w-]+)+):(?!\/\/)(.+)$/.exec(remote);
  const text = scp === null ? remote : `ssh://${scp[1] ?? ''}/${scp[2] ?? ''}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return undefined;
  }
  if (!/^(?:https?|ssh|git|git\+ssh):$/.test(url.protocol) || url.hostname === '') return undefined;
  const web = url.protocol === 'http:' || url.protocol === 'https:';
  // The port of ssh is none that a browser asks.
  const host = web ? url.host : url.hostname;
  const path = url.pathname.replace(/\/+$/, '').replace(/\.git$/, '');
  return `${web ? url.protocol : 'https:'}//${host}${path}`;
}
