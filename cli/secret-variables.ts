// Secret values in the environment, for local mode.
import { secretVariablePrefix } from '#worker/secrets.ts'

/** The variables `SLUICE_SECRET_<NAME>_<KEY>` of this process. */
export function secretVariables(): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && name.startsWith(secretVariablePrefix)) variables[name] = value
  return variables
}
