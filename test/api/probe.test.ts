import { expect } from 'chai'
import type { ProbeResult } from '#api/probe.ts'
import { probedPlansMax, probeReportText, readProbeReport } from '#api/probe.ts'

describe('The report of a probe', () => {
  const results: ProbeResult[] = [
    'nothing',
    { unread: '3 records wait.' },
    { failed: 'It is away.' },
    'later',
  ]

  it('comes back as it was written', () => {
    expect(readProbeReport(probeReportText(results), 4)).to.deep.equal(results)
  })

  for (const { name, text } of [
    { name: 'of more plans', text: probeReportText([...results, 'nothing']) },
    { name: 'of fewer plans', text: probeReportText(results.slice(1)) },
    { name: 'cut off', text: probeReportText(results).slice(0, -5) },
    { name: 'that says what nobody knows', text: '["nothing",{"found":"x"},"nothing","later"]' },
    { name: 'that is none', text: 'sluice probe: 3 records wait.\n' },
    { name: 'that is empty', text: '' },
  ])
    it(`is not taken for one: ${name}`, () => {
      expect(readProbeReport(text, 4)).to.equal(null)
    })

  for (const { name, letter } of [
    { name: 'plain', letter: 'a' },
    { name: 'of two bytes a letter', letter: 'é' },
    { name: 'of letters that JSON escapes', letter: '"' },
  ])
    it(`fits into what a kubelet hands on, with a part of each sentence: ${name}`, () => {
      const sentence = letter.repeat(2000)
      const many = Array.from({ length: probedPlansMax }, (): ProbeResult => ({ failed: sentence }))
      const text = probeReportText(many)
      expect(Buffer.byteLength(text)).to.be.within(3000, 4096)
      for (const result of readProbeReport(text, many.length)!)
        expect((result as { failed: string }).failed).to.have.length.greaterThan(20)
    })
})
