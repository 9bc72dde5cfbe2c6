/** What `App.failed` rejects with: a pipeline stopped, because of `cause`. */
export class PipelineStopped extends Error {
  override readonly name = 'PipelineStopped'
  readonly pipeline: string
  override readonly cause: Error

  constructor(pipeline: string, cause: Error) {
    super(`Pipeline "${pipeline}" stopped: ${cause.message}`, { cause })
    this.pipeline = pipeline
    this.cause = cause
  }
}
