import { expect } from 'chai'
import { s3Options } from '#cli/table-store.ts'

describe('access of the command line to S3', () => {
  it('is AWS with the client’s own defaults when nothing is said', () => {
    expect(s3Options({}, {})).to.deep.equal({ pathStyle: false })
  })

  it('takes endpoint and region from the environment as AWS’s tools do', () => {
    const environment = {
      AWS_ENDPOINT_URL: 'http://any',
      AWS_ENDPOINT_URL_S3: 'http://s3',
      AWS_DEFAULT_REGION: 'r',
    }
    expect(s3Options({}, environment)).to.deep.equal({ endpoint: 'http://s3', region: 'r', pathStyle: true })
  })

  it('lets flags win', () => {
    const flags = { endpoint: 'http://flag', region: 'flag' }
    expect(s3Options(flags, { AWS_ENDPOINT_URL: 'http://any', AWS_REGION: 'r' })).to.deep.equal({
      ...flags,
      pathStyle: true,
    })
  })
})
