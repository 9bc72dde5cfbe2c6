import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ProcessStep } from '../../engine/process/process-step.ts'
import type { TableStep } from '../../engine/tables/table-step.ts'
import { EngineRun } from '../../engine/testkit/engine-run.ts'
import { runRandomly } from '../../engine/testkit/random-schedule.ts'
import { count, json, type Pipeline, type PipelineBuilder, pipeline, topic, tumbling } from '../../index.ts'
import { partitionOf } from '../../std/murmur2.ts'
import { seededRandom } from '../../std/random.ts'
import { testDriver, verifyOperator } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

interface Sale {
  readonly product: string | null
  readonly n: number
}
interface Product {
  readonly price: number
}

const sales = topic('sales', { value: json<Sale>(), cleanup: 'compact', partitions: 2 })
const products = topic('products', { value: json<Product>(), cleanup: 'compact', partitions: 3 })
const results = topic<any, any, any>('results', { value: json<any>(), partitions: 1 })

type How = 'inner' | 'left'
/** A change of one of the two tables. */
type Change =
  | readonly [side: 'sale', key: string, row: Sale | null]
  | readonly [side: 'product', key: string, row: Product | null]

function joinOf(p: PipelineBuilder, how: How) {
  const left = p.table(sales)
  const right = p.table(products)
  if (how === 'inner')
    return left.joinForeign('priced', right, { key: 'product' }, (sale, { price }) => `${sale.n}x${price}`)
  return left.leftJoinForeign(
    'priced',
    right,
    { key: ({ product }) => product },
    (sale, product) => `${sale.n}x${product?.price ?? '-'}`,
  )
}

const shown = (how: How): Pipeline =>
  pipeline(how, p => {
    joinOf(p, how)
      .emit('updates')
      .map((row, { key }) => [key, row])
      .to(results)
  })

const t0 = 1_700_000_000_000

/** The rows of the join, and each change of them, one change of a table after the other. */
class Model {
  readonly rows = new Map<string, string>()
  readonly #sales = new Map<string, Sale>()
  readonly #products = new Map<string, Product>()
  readonly #how: How

  constructor(how: How) {
    this.#how = how
  }

  /** The changes of the join, in the order of their keys. */
  apply([side, key, row]: Change): [string, string | null][] {
    const table = (side === 'sale' ? this.#sales : this.#products) as Map<string, unknown>
    if (row === null && !table.delete(key)) return []
    if (row !== null) table.set(key, row)
    const concerned = [...this.#sales].filter(([, { product }]) => product === key).map(([sale]) => sale)
    return (side === 'sale' ? [key] : concerned).sort().flatMap((sale): [string, string | null][] => {
      const before = this.rows.get(sale)
      const after = this.#row(sale)
      if (after === undefined) this.rows.delete(sale)
      else this.rows.set(sale, after)
      return before === undefined && after === undefined ? [] : [[sale, after ?? null]]
    })
  }

  #row(key: string): string | undefined {
    const sale = this.#sales.get(key)
    const product = sale && sale.product !== null ? this.#products.get(sale.product) : undefined
    if (sale === undefined || (product === undefined && this.#how === 'inner')) return undefined
    return `${sale.n}x${product?.price ?? '-'}`
  }
}

/** `.ci/run` takes ten times as many. */
const scenarios = Number(process.env.MILLRACE_SCENARIOS ?? 100)

const key = fc.constantFrom('a', 'b', 'c')
const reference = fc.constantFrom('p', 'q', 'r', null)
const saleChange = fc.record({ product: reference, n: fc.nat(9) })
const productChange = fc.record({ price: fc.nat(9) })
const change = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant('sale'), key, fc.option(saleChange, { freq: 3 })) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('product'),
      fc.constantFrom('p', 'q', 'r'),
      fc.option(productChange, { freq: 3 }),
    ),
  },
) as fc.Arbitrary<Change>

describeModes('a join of tables by a foreign key', mode => {
  it('[6.5] gives exactly one change of each row that a change of either table concerns, as a sequential model does', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(change, { maxLength: 25 }),
        fc.constantFrom<How>('inner', 'left'),
        async (changes, how) => {
          const model = new Model(how)
          await using driver = await testDriver([shown(how)], { mode })
          for (const [i, [side, key, row]] of changes.entries()) {
            await driver
              .input((side === 'sale' ? sales : products) as typeof sales)
              .send(row as Sale, { key, timestamp: t0 + i })
            const came = (await driver.output(results).values()).toSorted()
            assert.deepEqual(came, model.apply([side, key, row] as Change))
          }
          const rows = await driver.table('priced').range()
          assert.deepEqual(
            Object.fromEntries(rows.map(({ key, value }) => [key, value])),
            Object.fromEntries(model.rows),
          )
        },
      ),
      { numRuns: 25 },
    ))

  it('[4.2] [6.5] comes to the rows of the model whichever task goes on, commits and is lost, and forgets what is over', () => {
    let crashes = 0
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 30 }),
        fc.constantFrom<How>('inner', 'left'),
        fc.integer(),
        (changes, how, seed) => {
          const model = new Model(how)
          const run = new EngineRun(shown(how).graph, { mode })
          for (const [i, [side, key, row]] of changes.entries()) {
            model.apply([side, key, row] as Change)
            append(run, [side, key, row] as Change, t0 + i)
          }
          const random = seededRandom(seed)
          crashes += runRandomly(run, {
            random,
            steps: 200,
            crashRate: 0.05,
            commitRate: 0.2,
            trimRate: 0,
          }).crashes
          assert.deepEqual(rowsOf(run, 'priced'), Object.fromEntries([...model.rows].sort()))
        },
      ),
      { numRuns: Math.ceil(scenarios / 5) },
    )
    assert.ok(crashes > 20)
  })
})

function append(run: EngineRun, [side, key, row]: Change, timestamp: number): void {
  const value = row === null ? null : Buffer.from(JSON.stringify(row))
  const [name, count] = side === 'sale' ? (['sales', 2] as const) : (['products', 3] as const)
  const bytes = Buffer.from(key)
  run.append(name, partitionOf(bytes, 0, bytes.length, count), [{ key: bytes, value, timestamp }])
}

/** The rows of a table in all tasks. */
function rowsOf(run: EngineRun, name: string): Record<string, unknown> {
  const found: [string, unknown][] = []
  for (const task of run.tasks.values()) {
    const step = task.steps.find(each => each?.name === name) as TableStep | undefined
    if (step === undefined) continue
    const { table } = step
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      const bytes = Buffer.from(table.keyBytes.subarray(table.keyStart(row), table.keyEnd(row)))
      found.push([bytes.toString(), step.valueOf(bytes, 0, bytes.length)])
    }
  }
  return Object.fromEntries(found.sort())
}

describeModes('a join by a foreign key gives what Kafka Streams documents', mode => {
  const folder = new URL('foreign-cases/', import.meta.url)
  const left = topic<string>('left', { value: json<string>() })
  const right = topic<string>('right', { value: json<string>() })
  for (const file of readdirSync(folder)) {
    it(file, async () => {
      const lines = readFileSync(new URL(file, folder), 'utf8').trim().split('\n')
      const written = lines.filter(line => !line.startsWith('#'))
      const middle = written.indexOf('----')
      const tested = pipeline('cases', p => {
        const how = file.replace('.txt', '') as 'leftJoinForeign'
        p.table(left)
          [how]('joined', p.table(right), { key: v => v }, (l, r) => `${l} ${r ?? '-'}`)
          .emit('updates')
          .map((row, { key }) => `${key} ${row}`)
          .to(results)
      })
      await using driver = await testDriver([tested], { mode })
      const seen: string[] = []
      for (const line of written.slice(0, middle)) {
        const [second, side, key, value] = line.split(' ') as [string, string, string, string]
        const into = driver.input(side === 'left' ? left : right)
        const sent = value === 'null' ? null : value
        await into.send(sent as string, { key, timestamp: t0 + Number(second) * 1_000 })
        const came = await driver.output(results).values()
        seen.push(...came.map(each => `${second} ${each}`).sort())
      }
      assert.deepEqual(seen, written.slice(middle + 1))
    })
  }
})

describeModes('what a join by a foreign key', mode => {
  it('[6.5] keeps is forgotten with the last row, whichever task goes on', () =>
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.integer(), (changes, seed) => {
        const run = new EngineRun(shown('inner').graph, { mode })
        const gone: Change[] = ['a', 'b', 'c'].map(key => ['sale', key, null])
        for (const each of [...changes.filter(([side, , row]) => side === 'sale' || row !== null), ...gone])
          append(run, each, t0)
        runRandomly(run, {
          random: seededRandom(seed),
          steps: 150,
          crashRate: 0,
          commitRate: 0.2,
          trimRate: 0,
        })
        assert.deepEqual(rowsOf(run, 'priced'), {})
        for (const task of run.tasks.values())
          for (const step of task.steps)
            if (step?.name === 'priced-left' || step?.name === 'priced-result')
              assert.equal((step as ProcessStep).store.size, 0)
      }),
      { numRuns: 30 },
    ))

  it('[5.8] [6.5] gives has the latest time of the two rows', async () => {
    await using driver = await testDriver([shown('inner')], { mode })
    await driver.input(products).send({ price: 1 }, { key: 'p', timestamp: t0 + 500 })
    await driver.input(sales).send({ product: 'p', n: 1 }, { key: 'a', timestamp: t0 + 100 })
    await driver.input(products).send({ price: 2 }, { key: 'p', timestamp: t0 + 50 })
    await driver.input(sales).send({ product: 'p', n: 2 }, { key: 'a', timestamp: t0 + 900 })
    const times = (await driver.output(results).read()).map(({ timestamp }) => timestamp - t0)
    assert.deepEqual(times, [500, 100, 900])
  })

  it('[7.1] [6.5] calls fails for one row alone, which stays as it was', async () => {
    const tested = pipeline('throws', { maxFailureRate: 1 }, p => {
      p.table(sales).joinForeign('priced', p.table(products), { key: 'product' }, (sale, { price }) => {
        if (sale.n * price > 50) throw new RangeError('dear')
        return sale.n * price
      })
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(products).send({ price: 5 }, { key: 'p', timestamp: t0 })
    for (const n of [1, 9])
      await driver.input(sales).send({ product: 'p', n }, { key: `${n}`, timestamp: t0 })
    await driver.input(products).send({ price: 6 }, { key: 'p', timestamp: t0 + 1 })
    assert.equal(await driver.table('priced').get('1'), 6)
    assert.equal(await driver.table('priced').get('9'), 45)
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(
      failed.map(({ step, reason }) => [step, reason]),
      [['priced-result', 'callback']],
    )
  })

  it('[6.5] meets may be the table itself, and rows whose keys and values are no JSON', async () => {
    interface Person {
      readonly boss: number | null
      readonly name: string
    }
    const people = topic('people', { value: json<Person>(), partitions: 2 })
    const tested = pipeline('staff', p => {
      const staff = p
        .from(people)
        .keyBy('by-number', (_, { key }) => BigInt(key!))
        .toTable('people')
        .map('staff', ({ boss, name }) => ({ boss: boss === null ? null : BigInt(boss), name }))
      staff
        .leftJoinForeign(
          'with-boss',
          staff,
          { key: 'boss' },
          (person, boss) => `${person.name} ${boss?.name ?? '-'}`,
        )
        .emit('updates')
        .to(results)
    })
    await using driver = await testDriver([tested], { mode })
    const send = (key: string, boss: number | null, name: string) =>
      driver.input(people).send({ boss, name }, { key, timestamp: t0 })
    await send('2', 1, 'Bea')
    await send('1', null, 'Ann')
    await send('1', null, 'Eva')
    assert.deepEqual(await driver.output(results).values(), ['Bea -', 'Ann -', 'Bea Ann', 'Eva -', 'Bea Eva'])
    assert.equal(await driver.table('with-boss').get(2n), 'Bea Eva')
    await driver.finish()
  })
})

describe('a join by a foreign key', () => {
  it('[3.3] lets event time through: a window behind it closes', async () => {
    const counts = topic('counts', { value: json<number>() })
    const tested = pipeline('windows', p => {
      joinOf(p, 'inner')
        .emit('updates')
        .byKey()
        .window(tumbling('1m'))
        .aggregate('n', { n: count() })
        .emit('final')
        .map(({ n }) => n)
        .to(counts)
    })
    await using driver = await testDriver([tested])
    await driver.input(products).send({ price: 1 }, { key: 'p', timestamp: t0 })
    await driver.input(sales).send({ product: 'p', n: 1 }, { key: 'a', timestamp: t0 })
    await driver.finish()
    assert.deepEqual(await driver.output(counts).values(), [1])
  })

  it('comes to the same rows in bulk and record by record, over losses', () =>
    verifyOperator<any, string>(
      pipeline(
        'bulk',
        p =>
          void joinOf(p, 'inner')
            .emit('updates')
            .to(topic('rows', { value: json<string>() })),
      ),
      {
        input: [{ price: 1 }, { product: 'p', n: 1 }, { product: 'p', n: 2 }],
        expected: ['1x1', '2x1'],
        inputTopic: (_, i) => (i === 0 ? products : sales) as never,
        each: (_, i) => ({ key: i === 0 ? 'p' : `${i}`, timestamp: t0 + i }),
      },
    ))

  it('says what is missing, and what cannot be joined', () => {
    const refuses = (build: (p: any) => void, message: RegExp) =>
      assert.throws(() => pipeline('refused', build), message)
    refuses(
      p => p.table(sales).joinForeign('j', p.table(products), {}, () => 1),
      /what refers to.*key: 'product'/,
    )
    refuses(
      p => p.table(sales).joinForeign(p.table(products), 'j', { key: 'product' }, () => 1),
      /no name for its store/,
    )
    refuses(
      p => p.table(sales).joinForeign('j', p.from(products), { key: 'product' }, () => 1),
      /a stream where a table is meant/,
    )
  })
})
