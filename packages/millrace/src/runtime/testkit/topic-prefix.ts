/**
 * What a test on brokers that others use too has put in front of the topics of a module: it imports `module.ts?topics=prefix.`, and
 * so do the worker threads and processes that it gives that URL to.
 */
export function topicPrefix(moduleUrl: string): string {
  return new URL(moduleUrl).searchParams.get('topics') ?? ''
}
