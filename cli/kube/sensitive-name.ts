// Which names are names of secrets: fields of YAML, environment variables, settings of drivers, query parameters.

/** Anything with one of these words in it, whatever its case and however its words are joined. */
const words = [
  'passw',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'credential',
  'apikey',
  'accesskey',
  'accountkey',
  'privatekey',
  'sharedkey',
  'encryptionkey',
  'masterkey',
  'signingkey',
  'clientkey',
  'signature',
  'authorization',
  'cookie',
  'jaas',
  'connectionstring',
  'dockerconfig',
]
/** Names that are secrets only when there is nothing else to them. */
const whole = new Set(['pass', 'auth', 'sig', 'sas', 'dsn', 'pgpass', 'sessionid', 'jwt', 'pin', 'otp'])
/** What ends so tells of a secret and is none: `secretName`, `tokenExpirationSeconds`, `passwordFile`. */
const harmlessEnd = /(name|names|ref|refs|seconds|path|file|policy|mode|type|mounttoken)$/

/** Whether what stands under this name has to be taken for a secret. */
export function isSensitiveName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  if (harmlessEnd.test(plain)) return false
  return whole.has(plain) || words.some(word => plain.includes(word))
}
