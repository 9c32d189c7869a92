/** The error a promise is rejected with; fails when it is not. */
export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('It should have failed')
}
