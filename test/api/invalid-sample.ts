// A resource that must be refused, and what is said about it.

export interface InvalidSample {
  name: string
  yaml: string
  /** Part of the line that `sluice validate` prints. */
  validate: string
  /** Part of what kubectl prints. */
  server: string
}

export const sample = (kind: string, spec: string): string =>
  `apiVersion: sluice.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: sample}\nspec: ${spec}\n`
