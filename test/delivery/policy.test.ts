import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {parsePolicy} from '../../engine/delivery/policy-file.js';
import {defaultPolicy} from '../../engine/delivery/policy.js';

test('an empty policy file is the default policy', async (t) => {
  t.deepEqual(await parsePolicy('p.yaml', '# nothing\n'), defaultPolicy);
});

test('a policy file says which branches go where, and the rest stays as it is', async (t) => {
  const text = [
    'image: portal',
    'deliver:',
    '  branches: [trunk]',
    '  tags: {semver: true, short-hash: false, branches: {trunk: edge}, extra: [nightly]}',
    '  registries: [ghcr.io/team, {name: OWN, repository: "localhost:5000"}]',
    '  packages: [{name: APT, url: "https://apt.example/{file}", distribution: bookworm}]',
    '  annotations: {org.opencontainers.image.licenses: Apache-2.0}',
    '  labels: true',
    '  sbom: false',
  ].join('\n');
  const policy = await parsePolicy('p.yaml', text);
  t.is(policy.image, 'portal');
  t.deepEqual(policy.deliver, ['trunk']);
  t.deepEqual(policy.tags, {
    branches: new Map([['trunk', 'edge']]),
    git: true,
    semver: true,
    hash: true,
    shortHash: false,
    extra: ['nightly'],
  });
  t.deepEqual(policy.registries, [
    {name: 'ghcr.io/team', repository: 'ghcr.io/team'},
    {name: 'OWN', repository: 'localhost:5000'},
  ]);
  t.is(policy.packages[0]?.distribution, 'bookworm');
  t.true(policy.labels && policy.provenance && !policy.sbom);
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  [
    'a misspelt key',
    'deliver:\n  branchs: [a]\n',
    /^p\.yaml:2: there is no key "branchs" here \(did you mean "branches"\?\)/,
  ],
  [
    'a misspelt key at the top',
    'delivery: {}\n',
    /^p\.yaml:1: there is no key "delivery" here \(did you mean "deliver"\?\)/,
  ],
  ['a misspelt key in a list', 'deliver:\n  registries:\n  - repo: a\n', /^p\.yaml:3: there is no key "repo" here/],
  [
    'a number for true or false',
    'deliver:\n  tags:\n    hash: 3\n',
    /^p\.yaml:3: deliver\.tags\.hash is 3 instead of true or false/,
  ],
  ['a text for a list', 'deliver:\n  branches: main\n', /^p\.yaml:2: deliver\.branches is "main" instead of a list/],
  ['a list for the whole', '- a\n', /^p\.yaml:1: the policy is a list instead of a mapping/],
  ['an image with a tag', 'image: portal:1\n', /^p\.yaml:1: image is no name of an image/],
  ['broken YAML', 'deliver:\n  tags: [\n', /^p\.yaml:\d: broken YAML/],
  ['a key twice', 'deliver: {}\ndeliver: {}\n', /^p\.yaml:2: broken YAML/],
];

for (const [what, text, expected] of refused) {
  test(`a policy with ${what} is refused with its place`, async (t) => {
    const error = await t.throwsAsync(parsePolicy('p.yaml', text), {instanceOf: BuildError, code: 'CONFIG_INVALID'});
    const shown = formatError(error);
    t.regex(shown, expected);
    t.regex(shown, /\n +\| *\^/);
  });
}
