// Secrets that gave themselves away in one place, by the name of their field: the same text may stand bare in another,
// where no form tells what it is (the message of a server that repeats what it was told).
import { redacted } from './redact-text.ts'

export class KnownSecrets {
  readonly #values = new Set<string>()

  /** To be kept from now on. What might be a word of the report (`postgres`, `sluice-system`) is not. */
  add(value: string): void {
    if (value !== redacted && value.length >= 8 && kindsOfCharacters(value) >= 2) this.#values.add(value)
  }

  /** The text without any of them, however often. */
  redact(text: string): string {
    // The longest first: one may be a part of another.
    return [...this.#values]
      .toSorted((a, b) => b.length - a.length)
      .reduce((clean, value) => clean.replaceAll(value, redacted), text)
  }
}

function kindsOfCharacters(value: string): number {
  return [/[a-z]/, /[A-Z]/, /\d/, /[^\w./:-]/].filter(kind => kind.test(value)).length
}
