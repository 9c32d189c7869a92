import { expect } from 'chai'
import fc from 'fast-check'
import { quoteName, quoteText, serverNames } from '#connectors/postgres/names.ts'

describe('names at the server', () => {
  it('fit a slot whatever the job is called, and tell jobs apart', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (a, b) => {
        const { slot, publication } = serverNames(a, {})
        expect(slot).to.match(/^[a-z0-9_]{1,63}$/)
        expect(publication).to.equal(slot)
        if (a !== b) expect(serverNames(b, {}).slot).to.not.equal(slot)
      }),
    )
    expect(serverNames('shop.shop-to-lake', {}).slot).to.match(/^sluice_shop_shop_to_lake_[0-9a-f]{8}$/)
    expect(serverNames('a', { slotName: 's', publicationName: 'p' })).to.deep.equal({
      slot: 's',
      publication: 'p',
    })
  })

  it('are quoted', () => {
    expect(quoteName('a"b')).to.equal('"a""b"')
    expect(quoteText("it's")).to.equal("'it''s'")
    expect(quoteText("a\\'b")).to.equal(" E'a\\\\''b'")
  })
})
