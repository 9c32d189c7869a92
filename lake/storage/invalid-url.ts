// What a store says about a URL of its scheme that names no place.
import { ConfigError } from '#common/errors.ts'

export function invalidUrl(url: URL, reason: string): ConfigError {
  return new ConfigError(`${url.href}: ${reason}`, {
    code: 'STORAGE_URL_INVALID',
    context: { url: url.href },
  })
}
