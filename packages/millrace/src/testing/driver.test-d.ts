import { count, json, keys, pipeline, topic } from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'

// Checked by tsc, never run: types flow from the topics to what the driver takes and gives.

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function is<_T extends true>(): void

const numbers = topic('numbers', { value: json<{ n: number }>(), keySerde: keys.number })
const counting = pipeline('counting', p => void p.from(numbers).print())

void async function types() {
  await using driver = await testDriver([counting], { startTime: new Date(), mode: 'interpreted' })
  const records = await driver.output(numbers).read()
  is<Equal<(typeof records)[number]['value'], { n: number } | null>>()
  is<Equal<(typeof records)[number]['key'], number | null>>()
  const values = await driver.output(numbers).values()
  is<Equal<typeof values, { n: number }[]>>()
  await driver.input(numbers).send({ n: 1 }, { key: 1 })
  // @ts-expect-error a value of another shape
  await driver.input(numbers).send({ m: 1 })
  // @ts-expect-error a key of another type
  await driver.input(numbers).send({ n: 1 }, { key: 'one' })
  await driver.input(numbers).sendAll([{ n: 1 }], value => ({ key: value?.n ?? 0 }))
  await verifyOperator(
    stream =>
      stream
        .filter(v => v.n > 1)
        .keyBy('n')
        .aggregate('count', { records: count() })
        .emit('updates'),
    { input: [{ n: 2 }], expected: [{ records: 1 }] },
  )
  // @ts-expect-error results of another shape
  await verifyOperator(stream => stream.map(v => v.n), { input: [{ n: 2 }], expected: ['two'] })
}
