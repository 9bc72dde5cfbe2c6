/** The Kafka that `npm run test:kafka` gives. */
export function testBrokers(): string {
  const brokers = process.env.MILLRACE_BROKERS
  if (!brokers) throw new Error('MILLRACE_BROKERS is not set: start these tests with npm run test:kafka')
  return brokers
}
