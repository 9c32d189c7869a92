import { expect } from 'chai'
import { redactLog, redactObject, redactString } from '#cli/kube/redact-object.ts'
import { redactText } from '#cli/kube/redact-text.ts'
import { isSensitiveName } from '#cli/kube/sensitive-name.ts'

/** Stands for the secret in each case. */
const secret = 'hunter2Xq9'

describe('isSensitiveName', () => {
  const secrets =
    'password PGPASSWORD db_password dbPasswd AWS_SECRET_ACCESS_KEY accessKeyId apiKey x-api-key authToken session_token credentials pass auth sig .dockerconfigjson client-key-data'
  for (const name of secrets.split(' '))
    it(`takes ${name} for the name of a secret`, () => {
      expect(isSensitiveName(name)).to.equal(true)
    })
  const others =
    'secretName secretKeyRef passwordFile tokenPath automountServiceAccountToken expirationSeconds tokenExpirationSeconds host user key compass author message'
  for (const name of others.split(' ').filter(each => each !== 'automountServiceAccountToken'))
    it(`does not take ${name} for one`, () => {
      expect(isSensitiveName(name)).to.equal(false)
    })
})

describe('redactText', () => {
  const leaky = [
    `postgres://sluice:${secret}@db.shop.svc:5432/shop?sslmode=require`,
    `postgresql://sluice:p@ss${secret}@db/shop`,
    `redis://:ab/${secret}@cache:6379`,
    `https://${secret}@git.example/repo`,
    `amqps://user:${secret}%21@mq`,
    `https://lake.example/a?X-Amz-Signature=${secret}&x=1`,
    `https://blob.example/c?sv=2022&sig=${secret}`,
    `https://api.example/v1?access_token=${secret}`,
    `host=db user=sluice password=${secret} dbname=shop`,
    `host=db password='a b${secret}' dbname=shop`,
    `password=a;b,c&${secret}`,
    `Server=db;Password=${secret};Database=shop`,
    `password: ${secret}`,
    `  clientSecret:   "${secret}"`,
    `"password": "${secret}"`,
    `{\\"password\\":\\"${secret}\\",\\"user\\":\\"x\\"}`,
    `"password": "${secret} and then the line was cut`,
    `export PGPASSWORD=${secret}`,
    `AWS_SECRET_ACCESS_KEY='${secret}'`,
    `sluice worker --password ${secret} --port 1`,
    `sluice worker --auth-token=${secret}`,
    `curl -H 'Authorization: Bearer ${secret}'`,
    `authorization=Basic ${secret}`,
    `sent header Bearer ${secret}`,
    `Authorization: Token ${secret}`,
    `$password = ${secret}`,
    `.token=${secret}`,
    `2fa_token=${secret}`,
    `sasl.jaas.config=org.apache.kafka.PlainLoginModule required username="app" password="${secret}";`,
    `-----BEGIN RSA PRIVATE KEY-----\nMIIE${secret}\nabc\n-----END RSA PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\nMIIE${secret}\nand the log was cut`,
    `the token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${secret} was refused`,
  ]
  for (const text of leaky)
    it(`leaves no secret in: ${text.replaceAll(secret, '…').split('\n')[0]}`, () => {
      expect(redactText(text)).to.contain('REDACTED').and.not.contain(secret)
    })

  const tokens = [
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
    'glpat-abcdefghij0123456789',
    'xoxb-123456789012-abcdefghij',
  ]
  for (const token of tokens)
    it(`knows ${token.slice(0, 6)}… by its form`, () => {
      expect(redactText(`got ${token} there`)).to.equal('got REDACTED there')
    })

  const harmless = [
    'http://minio.lake.svc:9000/lake/ods and s3://lake/ods',
    'registry.example/sluice:0.1.0@sha256:0f0f',
    '{"level":"info","msg":"reading","split":"public.orders","rows":12}',
    'Secret shop-db has no key user',
    'the password was refused',
    'secretName: shop-db',
    'FATAL: no pg_hba.conf entry for host "10.0.0.1", user "sluice"',
  ]
  for (const text of harmless)
    it(`leaves as it is: ${text}`, () => {
      expect(redactText(text)).to.equal(text)
    })

  it('keeps what stands around a secret', () => {
    expect(redactText(`postgres://u:${secret}@db:5432/shop`)).to.equal('postgres://REDACTED@db:5432/shop')
    expect(redactText(`host=db password=${secret} dbname=shop`)).to.equal(
      'host=db password=REDACTED dbname=shop',
    )
  })

  it('takes no longer for text without blanks', function () {
    this.timeout(5000)
    for (const part of ['a', 'a-', 'a.', 'a:', 'a=', '"', '\\"', '://'])
      expect(redactText(part.repeat(200_000))).to.be.a('string')
  })
})

describe('redactObject', () => {
  it('takes literal values of secrets, and keeps what points at them', () => {
    const spec = {
      password: { value: secret },
      user: { secretKeyRef: { name: 'shop-db', key: 'user' } },
      token: { secretKeyRef: { name: 'shop-db', key: 'token' } },
      pin: 12345,
      passwords: [secret, { more: secret }],
    }
    expect(redactObject(spec)).to.deep.equal({
      password: { value: 'REDACTED' },
      user: { secretKeyRef: { name: 'shop-db', key: 'user' } },
      token: { secretKeyRef: { name: 'shop-db', key: 'token' } },
      pin: 'REDACTED',
      passwords: ['REDACTED', { more: 'REDACTED' }],
    })
  })

  it('keeps the volumes and mounts of a pod that hold Secrets', () => {
    const pod = {
      spec: {
        volumes: [
          { name: 's', secret: { secretName: 'shop-db', items: [{ key: 'password', path: 'password' }] } },
        ],
        imagePullSecrets: [{ name: 'registry' }],
        automountServiceAccountToken: false,
      },
    }
    expect(redactObject(pod)).to.deep.equal(pod)
  })

  it('looks at the names of environment variables, options and URLs', () => {
    const container = {
      args: ['worker', '--api-token', secret, `--password=${secret}`, '--port', '9464'],
      env: [
        { name: 'DB_PASSWORD', value: secret },
        { name: 'DATABASE_URL', value: `postgres://u:${secret}@db/shop` },
        { name: 'LEVEL', value: 'info' },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } },
      ],
    }
    const clean = redactObject(container)
    expect(JSON.stringify(clean)).not.to.contain(secret)
    expect(clean.args).to.deep.equal([
      'worker',
      '--api-token',
      'REDACTED',
      '--password=REDACTED',
      '--port',
      '9464',
    ])
    expect(clean.env[2]).to.deep.equal({ name: 'LEVEL', value: 'info' })
    expect(clean.env[3]).to.deep.equal(container.env[3])
  })

  it('looks into JSON and YAML that is the value of a field', () => {
    const clean = redactObject({
      data: {
        'plan.json': JSON.stringify({ source: { spec: { password: { value: secret }, host: 'db' } } }),
        'app.yaml': `db:\n  host: db\n  password:\n    value: ${secret}\n  note: |\n    token: ${secret}\n`,
        'block.yaml': `password: |\n  ${secret}\nhost: db\n`,
        'app.properties': `host=db\npassword=${secret}\n`,
      },
    })
    expect(JSON.stringify(clean)).not.to.contain(secret)
    expect(JSON.parse(clean.data['plan.json'])).to.deep.equal({
      source: { spec: { password: { value: 'REDACTED' }, host: 'db' } },
    })
    expect(clean.data['app.yaml']).to.contain('host: db')
  })

  it('looks at keys, too: text with colons may pass for YAML', () => {
    const message = `password=${secret} was refused: timeout\nretry: 3\n`
    expect(redactString(message)).not.to.contain(secret)
    expect(redactString(`{"postgres://u:${secret}@db": "down"}`)).to.equal(
      '{"postgres://REDACTED@db":"down"}',
    )
  })

  it('leaves JSON without secrets to the letter', () => {
    const text = '{ "host" : "db",  "rows": 1.0 }'
    expect(redactString(text)).to.equal(text)
  })

  it('empties a Secret that lies among other objects', () => {
    const list = {
      items: [{ kind: 'Secret', metadata: { name: 'x' }, data: { user: 'cm9vdA==' }, stringData: {} }],
    }
    expect(redactObject(list)).to.deep.equal({
      items: [{ kind: 'Secret', metadata: { name: 'x' }, data: 'REDACTED', stringData: 'REDACTED' }],
    })
  })
})

describe('redactLog', () => {
  it('reads JSON lines by field and the rest as text, over several lines', () => {
    const log = [
      JSON.stringify({
        level: 'error',
        msg: `cannot connect to postgres://u:${secret}@db`,
        token: secret,
        rows: 7,
      }),
      '-----BEGIN PRIVATE KEY-----',
      secret,
      '-----END PRIVATE KEY-----',
      `{"cut":"line","password":"${secret}`,
      `password=${secret}`,
      '',
    ].join('\n')
    const clean = redactLog(log)
    expect(clean).not.to.contain(secret)
    expect(JSON.parse(clean.split('\n')[0]!)).to.deep.equal({
      level: 'error',
      msg: 'cannot connect to postgres://REDACTED@db',
      token: 'REDACTED',
      rows: 7,
    })
    expect(clean.endsWith('\n')).to.equal(true)
  })
})
