import {bundled} from '../../base/bundle.js';

// The program that `enterNamespace` starts; all it does is in the module.
if (bundled('drivers/embedded/run-executor.js') === undefined) await import('./run-executor.js');
