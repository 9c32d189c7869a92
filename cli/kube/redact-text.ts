// Takes what looks like a password, a token or a credential out of text: logs, command lines, URLs, settings. It
// knows no secret, so it goes by form, and rather takes too much than too little.
import { isSensitiveName } from './sensitive-name.ts'

export const redacted = 'REDACTED'

type Rule = readonly [pattern: RegExp, replace: (...match: string[]) => string]

/** Bounded, so that a megabyte of letters takes no longer than a megabyte of anything else. */
const name = String.raw`[A-Za-z_][\w.$-]{0,127}`
/** A value: quoted, perhaps as inside JSON and perhaps cut off, or up to the next blank. */
const value = String.raw`\\"(?:(?!\\")[^\n])*(?:\\")?|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s"'\\]+`

/** What comes before a value: `name=`, `name: `, `"name":"`, `--name `. */
const fields = [
  new RegExp(String.raw`(?<quote>\\?["']?)(?<name>${name})\k<quote>[ \t]*[:=][ \t]*`, 'g'),
  new RegExp(String.raw`--?(?<name>${name}) +(?!-)`, 'g'),
]

const rules: readonly Rule[] = [
  [
    /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g,
    (_, kind) => `-----BEGIN ${kind}-----${redacted}-----END ${kind}-----`,
  ],
  // scheme://user:password@host; passwords may hold an unescaped @, after a colon even a slash.
  [
    /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)(?:[^\s"'<>\\/?#]*|[^\s"'<>\\/@:]*:[^\s"'<>\\]*)@/gi,
    (_, scheme) => `${scheme}${redacted}@`,
  ],
  // Authorization: Bearer …, and either half of it alone.
  [
    /\b(authorization|proxy-authorization)(["']?\s*[:=]\s*["']?)(?:[A-Za-z0-9-]+ +)?[^\s"',;]+/gi,
    (_, header, between) => `${header}${between}${redacted}`,
  ],
  [/\b(bearer|basic) +(?:(?=\S*\d)[\w+/=.~-]{6,}|[\w+/=.~-]{16,})/gi, (_, scheme) => `${scheme} ${redacted}`],
  // Tokens that say by their form what they are.
  [/\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?/g, () => redacted],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, () => redacted],
  [
    /\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|npm_\w{20,}|hv[sb]\.[\w-]{20,}|AIza[\w-]{30,}|sk-[\w-]{20,})/g,
    () => redacted,
  ],
]

export function redactText(text: string): string {
  const formless = rules.reduce((so, [pattern, replace]) => so.replace(pattern, replace), text)
  return fields.reduce(redactNamed, formless)
}

/** Values of secret names. What stands after a harmless name is looked at, too: `url=…?password=…`. */
function redactNamed(text: string, field: RegExp): string {
  const at = new RegExp(value, 'y')
  let clean = ''
  let from = 0
  for (const match of text.matchAll(field)) {
    if (match.index < from || !isSensitiveName(match.groups!['name']!)) continue
    at.lastIndex = match.index + match[0].length
    const given = at.exec(text)?.[0]
    if (given === undefined) continue
    clean += text.slice(from, match.index + match[0].length) + kept(given)
    from = at.lastIndex
  }
  return clean + text.slice(from)
}

/** The quotes around a value stay, so that what is left reads as before. */
function kept(given: string): string {
  const [quote = ''] = /^(\\"|["'])/.exec(given) ?? []
  return `${quote}${redacted}${quote}`
}
