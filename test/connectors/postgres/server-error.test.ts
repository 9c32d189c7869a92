import { expect } from 'chai'
import { ConfigError, InvariantError, PositionLostError, SyncError, TransientError } from '#common/errors.ts'
import { fromServer } from '#connectors/postgres/server-error.ts'

const server = { host: 'db', port: 5432, database: 'shop', user: 'sluice' }

const cases = [
  { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED', Class: TransientError, is: 'SOURCE_UNREACHABLE' },
  { code: 'EPIPE', message: 'write EPIPE', Class: TransientError, is: 'SOURCE_UNREACHABLE' },
  {
    code: undefined,
    message: 'Connection terminated unexpectedly',
    Class: TransientError,
    is: 'SOURCE_UNREACHABLE',
  },
  { code: undefined, message: 'timeout expired', Class: TransientError, is: 'SOURCE_UNREACHABLE' },
  {
    code: '57P01',
    message: 'terminating connection due to administrator command',
    Class: TransientError,
    is: 'SOURCE_UNREACHABLE',
  },
  {
    code: '57P03',
    message: 'the database system is starting up',
    Class: TransientError,
    is: 'SOURCE_UNREACHABLE',
  },
  { code: '28P01', message: 'password authentication failed', Class: ConfigError, is: 'SOURCE_AUTH_FAILED' },
  {
    code: undefined,
    message: 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
    Class: ConfigError,
    is: 'SOURCE_AUTH_FAILED',
  },
  { code: '28000', message: 'no pg_hba.conf entry for host', Class: ConfigError, is: 'SOURCE_AUTH_FAILED' },
  {
    code: '3D000',
    message: 'database "shop" does not exist',
    Class: ConfigError,
    is: 'PG_DATABASE_NOT_FOUND',
  },
  { code: '42501', message: 'permission denied for table t', Class: ConfigError, is: 'PG_PERMISSION_DENIED' },
  {
    code: '55000',
    message: 'logical decoding requires "wal_level" >= "logical"',
    Class: ConfigError,
    is: 'PG_WAL_LEVEL',
  },
  { code: '53400', message: 'all replication slots are in use', Class: ConfigError, is: 'PG_LIMIT_REACHED' },
  {
    code: '53300',
    message: 'number of requested standby connections exceeds "max_wal_senders" (currently 0)',
    Class: ConfigError,
    is: 'PG_LIMIT_REACHED',
  },
  { code: '53300', message: 'sorry, too many clients already', Class: TransientError, is: 'SOURCE_BUSY' },
  {
    code: '55006',
    message: 'replication slot "s" is active for PID 1',
    Class: TransientError,
    is: 'PG_SLOT_ACTIVE',
  },
  {
    code: '55P03',
    message: 'canceling statement due to lock timeout',
    Class: TransientError,
    is: 'SOURCE_BUSY',
  },
  { code: '40P01', message: 'deadlock detected', Class: TransientError, is: 'SOURCE_BUSY' },
  {
    code: '42704',
    message: 'replication slot "s" does not exist',
    Class: PositionLostError,
    is: 'PG_SLOT_LOST',
  },
  {
    code: '55000',
    message: 'can no longer access replication slot "s"',
    Class: PositionLostError,
    is: 'PG_SLOT_LOST',
  },
  {
    code: '58P01',
    message: 'requested WAL segment 1 has already been removed',
    Class: PositionLostError,
    is: 'PG_SLOT_LOST',
  },
  {
    code: '22023',
    message: 'invalid snapshot identifier: "x"',
    Class: TransientError,
    is: 'SNAPSHOT_EXPIRED',
  },
  { code: '42704', message: 'snapshot "x" does not exist', Class: TransientError, is: 'SNAPSHOT_EXPIRED' },
  {
    code: 'SELF_SIGNED_CERT_IN_CHAIN',
    message: 'self-signed certificate in certificate chain',
    Class: ConfigError,
    is: 'SOURCE_TLS_FAILED',
  },
  {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    message: "Hostname/IP does not match certificate's altnames",
    Class: ConfigError,
    is: 'SOURCE_TLS_FAILED',
  },
  {
    code: undefined,
    message: 'The server does not support SSL connections',
    Class: ConfigError,
    is: 'SOURCE_TLS_FAILED',
  },
  { code: 'XX000', message: 'cache lookup failed', Class: TransientError, is: 'PG_SERVER_ERROR' },
]

describe('errors of PostgreSQL', () => {
  for (const { code, message, Class, is } of cases)
    it(`${code ?? 'none'}, "${message}" is ${is}`, () => {
      const error = fromServer(Object.assign(new Error(message), code === undefined ? {} : { code }), server)
      expect(error).to.be.instanceOf(Class).with.property('code', is)
      expect((error as Error).message).to.include('db:5432/shop')
      expect(((error as Error).cause as Error).message).to.include(message)
    })

  it('keep detail and hint, and leave what is ours alone', () => {
    const error = fromServer(
      Object.assign(new Error('no'), { code: 'XX000', detail: 'the detail', hint: 'the hint' }),
      server,
    )
    expect(((error as SyncError).cause as Error).message).to.equal('no; the detail; the hint')
    const ours = new InvariantError('bug', { code: 'INTERNAL' })
    expect(fromServer(ours, server)).to.equal(ours)
  })
})
