import {fileURLToPath} from 'node:url';
import {enterNamespace, type NamespacedProcess, type NamespaceOptions} from './enter-namespace.js';

/** A process of this driver that waits for its one build or shell. Rejects as `enterNamespace`. */
export function startExecutor(rootless: boolean, options: Omit<NamespaceOptions, 'root'>): Promise<NamespacedProcess> {
  const script = fileURLToPath(new URL('./executor.js', import.meta.url));
  return enterNamespace(script, {...options, root: !rootless});
}
