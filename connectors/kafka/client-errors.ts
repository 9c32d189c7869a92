// Which of our errors a failure of the Kafka client library is: by what the caller must do.
import { ConfigError, SyncError, TransientError, describeError } from '#common/errors.ts'

const authTypes = new Set([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
])

/** Codes of node:tls and OpenSSL that no second try cures. */
const tlsCode =
  /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|certificate|ssl3|SSL routines|wrong version number/i

export function clientError(error: unknown, broker: string): SyncError {
  if (error instanceof SyncError) return error
  const { name, type } = error as { name?: string; type?: string }
  const text = describeError(error)
  const details = { context: { broker }, cause: error }
  if (name === 'KafkaJSSASLAuthenticationError' || (type !== undefined && authTypes.has(type)))
    return new ConfigError(`Kafka refused the credentials or their rights at ${broker}`, {
      ...details,
      code: 'SOURCE_AUTH_FAILED',
    })
  if (name === 'KafkaJSServerDoesNotSupportApiKey' || type === 'UNSUPPORTED_VERSION')
    return new ConfigError(`The Kafka broker ${broker} does not speak the needed protocol versions`, {
      ...details,
      code: 'KAFKA_VERSION_UNSUPPORTED',
    })
  if (tlsCode.test(text))
    return new ConfigError(`No trusted TLS connection to the Kafka broker ${broker}`, {
      ...details,
      code: 'SOURCE_TLS_FAILED',
    })
  return new TransientError(`The Kafka broker ${broker} does not answer`, {
    ...details,
    code: 'SOURCE_UNREACHABLE',
  })
}

/** Error codes of the protocol that the connector handles by name. https://kafka.apache.org/protocol#protocol_error_codes */
export const KafkaError = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  topicAuthorizationFailed: 29,
  groupIdNotFound: 69,
} as const
