// Values that may be secret: written literally for what is not, by reference to a key of a Secret for what is.
import { z } from 'zod'
import { withRule } from './rules.ts'

export const secretKeyRef = z
  .strictObject({
    name: z.string().min(1).describe('Name of a Secret in the same namespace.'),
    key: z.string().min(1).describe('Key of that Secret.'),
  })
  .describe('Reference to one key of a Secret.')

export const secretValue = withRule(
  z.strictObject({
    value: z.string().optional().describe('The value itself, for what is not secret.'),
    secretKeyRef: secretKeyRef.optional(),
  }),
  {
    rule: 'has(self.value) != has(self.secretKeyRef)',
    message: 'give exactly one of `value` and `secretKeyRef`',
    test: given => (given.value === undefined) !== (given.secretKeyRef === undefined),
  },
)

export type SecretKeyRef = z.infer<typeof secretKeyRef>
export type SecretValue = z.infer<typeof secretValue>
