// Where a worker finds secret values: files mounted from Secrets (DIR/<name>/<key>), or environment variables
// SLUICE_SECRET_<NAME>_<KEY> in local mode. Values are read when needed and never logged.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '#common/errors.ts'
import type { SecretValue } from '#api/secret.ts'

export interface SecretLocations {
  /** Folder with one folder per Secret and one file per key. */
  directory: string | null
  /** Values by variable name, taken from the environment at start. */
  variables: Readonly<Record<string, string>>
}

export const secretVariablePrefix = 'SLUICE_SECRET_'

/** The variable that holds a key of a Secret in local mode: every other character than A-Z and 0-9 becomes `_`. */
export function secretVariable(name: string, key: string): string {
  return secretVariablePrefix + `${name}_${key}`.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
}

/** @throws ConfigError SECRET_MISSING naming the Secret, the key and where it was looked for */
export async function readSecret(value: SecretValue, locations: SecretLocations): Promise<string> {
  if (value.value !== undefined) return value.value
  const { name, key } = value.secretKeyRef!
  const variable = secretVariable(name, key)
  const fromEnvironment = locations.variables[variable]
  if (fromEnvironment !== undefined) return fromEnvironment
  if (locations.directory !== null) {
    const content = await readFile(join(locations.directory, name, key), 'utf8').catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
        throw error
      },
    )
    if (content !== null) return content.replace(/\r?\n$/, '')
  }
  const places = [
    `the variable ${variable}`,
    ...(locations.directory === null ? [] : [`the file ${name}/${key} in the secrets folder`]),
  ]
  throw new ConfigError(`Secret ${name} has no key ${key}: neither is there ${places.join(' nor ')}`, {
    code: 'SECRET_MISSING',
    context: { secret: name, key },
  })
}
