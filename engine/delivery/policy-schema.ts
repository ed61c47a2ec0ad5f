import type * as Valibot from 'valibot';

/** Shape of `build-image.yaml`. The library is handed in: it is loaded only where there is such a file. */
export function policySchema(v: typeof Valibot) {
  const text = v.pipe(v.string(), v.nonEmpty('is empty'));
  const texts = v.array(text);
  return v.strictObject({
    image: v.optional(
      v.pipe(
        text,
        v.regex(
          /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/,
          'is no name of an image: lower-case letters, digits, ".", "_", "-"',
        ),
      ),
    ),
    deliver: v.optional(
      v.strictObject({
        branches: v.optional(texts),
        tags: v.optional(
          v.strictObject({
            branches: v.optional(v.record(v.string(), text)),
            git: v.optional(v.boolean()),
            semver: v.optional(v.boolean()),
            hash: v.optional(v.boolean()),
            'short-hash': v.optional(v.boolean()),
            extra: v.optional(texts),
          }),
        ),
        registries: v.optional(v.array(v.union([text, v.strictObject({name: v.optional(text), repository: text})]))),
        packages: v.optional(
          v.array(
            v.strictObject({
              name: v.optional(
                v.pipe(
                  text,
                  v.regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'is no name: it begins the names of environment variables'),
                ),
              ),
              url: text,
              distribution: v.optional(text),
              component: v.optional(text),
            }),
          ),
        ),
        annotations: v.optional(v.record(v.string(), v.string())),
        labels: v.optional(v.boolean()),
        provenance: v.optional(v.boolean()),
        sbom: v.optional(v.boolean()),
      }),
    ),
  });
}

export type PolicyDocument = Valibot.InferOutput<ReturnType<typeof policySchema>>;
