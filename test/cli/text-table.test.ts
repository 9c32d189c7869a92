import { expect } from 'chai'
import { ageText, bytesText, instantText, textTable } from '#cli/text-table.ts'

describe('text for people', () => {
  it('aligns columns and leaves no blanks at the end', () => {
    const columns = [{ title: 'NAME' }, { title: 'N', right: true }, { title: 'NOTE' }]
    const rows = [
      ['a', '10', ''],
      ['longer', '7', 'x'],
    ]
    expect(textTable(columns, rows)).to.deep.equal(['NAME     N  NOTE', 'a       10', 'longer   7  x'])
  })

  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [5 * 2 ** 30, '5.0 GiB'],
  ] as const)
    it(`${bytes} bytes are ${text}`, () => expect(bytesText(bytes)).to.equal(text))

  for (const [ms, text] of [
    [400, '0s'],
    [59_400, '59s'],
    [200_000, '3m20s'],
    [5 * 3_600_000 + 7 * 60_000, '5h07m'],
    [(12 * 24 + 3) * 3_600_000, '12d03h'],
  ] as const)
    it(`${ms} ms are ${text}`, () => expect(ageText(ms)).to.equal(text))

  it('writes an instant as a time', () => {
    expect(instantText('20261124231700123')).to.equal('2026-11-24 23:17:00.123')
  })
})
