import {fileURLToPath} from 'node:url';
import {enterNamespace, type NamespacedProcess, type NamespaceOptions} from './enter-namespace.js';

/** A process of this driver that waits for its one build or shell. Rejects as `enterNamespace`. */
export function startExecutor(rootless: boolean, options: Omit<NamespaceOptions, 'root'>): Promise<NamespacedProcess> {
  const script = rootless
    ? new URL('./executor.js', import.meta.url)
    : new URL('./executor-of-root.js', import.meta.url);
  return enterNamespace(fileURLToPath(script), {...options, root: !rootless});
}
