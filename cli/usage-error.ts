// The command line itself is wrong: the command's usage is shown after the message.
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
