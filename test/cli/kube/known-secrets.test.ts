import { expect } from 'chai'
import { KnownSecrets } from '#cli/kube/known-secrets.ts'

describe('KnownSecrets', () => {
  it('are taken out wherever they stand, the longer one whole', () => {
    const secrets = new KnownSecrets()
    for (const value of ['Summer2026', 'Summer2026!!']) secrets.add(value)
    expect(secrets.redact('a Summer2026!! b Summer2026 c')).to.equal('a REDACTED b REDACTED c')
  })

  it('leave words that a report is full of', () => {
    const secrets = new KnownSecrets()
    for (const value of ['postgres', 'sluice-system', '12345678', 'Ab1', 'REDACTED']) secrets.add(value)
    const text = 'postgres in sluice-system, 12345678 rows, Ab1, REDACTED'
    expect(secrets.redact(text)).to.equal(text)
  })
})
