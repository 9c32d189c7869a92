// docs/reference/errors.md: every error code, what it means and what to do.
import { errorCodes } from '#common/error-codes.ts'
import { generatedComment } from './markdown.ts'

export function errorReference(): string {
  const entries = Object.entries(errorCodes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const sections = entries.map(
    ([code, { meaning, remedy }]) => `## ${code}\n\n${meaning}\n\n**What to do:** ${remedy}\n`,
  )
  return `${generatedComment}
# Error codes

The same word is the reason of a condition (\`kubectl get syncjobs\`), the \`code\` of a log line, and the \`code\`
label of the metric \`sluice_errors_total\`.

${sections.join('\n')}`
}
