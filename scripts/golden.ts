import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {caseNames, dockerfileCases, dockerfileGolden, readCase} from '../test/helpers/dockerfile-golden.js';
import {specCases, specGolden, specNames} from '../test/helpers/spec-golden.js';
import {planCaseNames, planCases, planGolden} from '../test/helpers/plan-golden.js';

// Rewrites the golden files from what the code gives now; the difference is for a person to read.
for (const name of caseNames()) {
  writeFileSync(join(dockerfileCases, name, 'expected.json'), dockerfileGolden(readCase(name, 'Dockerfile')));
}
console.log(`${caseNames().length} cases in ${dockerfileCases}`);

for (const name of planCaseNames()) {
  for (const [file, text] of Object.entries(planGolden(name))) writeFileSync(join(planCases, name, file), text);
}
console.log(`${planCaseNames().length} cases in ${planCases}`);

for (const name of specNames) writeFileSync(join(specCases, `${name}.json`), specGolden(name));
console.log(`${specNames.length} cases in ${specCases}`);
