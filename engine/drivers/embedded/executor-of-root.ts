import {detectRuntime} from './runtime/detect.js';
import {restrictDevices} from './runtime/devices.js';

// The executor, where it has the rights of the machine's root. The kernel takes longer to move it into its control group than the
// rest of it takes to be loaded: that is begun first. `prepareRuntime` finds it done, or does it again and is told why not.
try {
  if (detectRuntime().kind === 'crun') restrictDevices().catch(() => undefined);
} catch {
  // Told by the first step.
}
void import('./executor.js');
