import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { count, json, pipeline, topic, tumbling } from '../../index.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)

/** What a record does to the thread that processes it. */
export type Trouble = 'loop' | 'exit' | 'crash' | 'wait'

export interface Order {
  readonly shop: string
  readonly at: number
  readonly trouble?: Trouble
  /** A file that the trouble uses up; without one it comes every time. A `wait` ends when it is there. */
  readonly flag?: string
}

export const orders = topic(`${prefix}orders`, {
  value: json<Order>(),
  key: 'shop',
  timestamp: 'at',
  partitions: 4,
})
export const perShop = topic(`${prefix}per-shop`, {
  value: json<{ orders: number; key: string; start: number; end: number }>(),
})
export const copies = topic(`${prefix}copies`, { value: json<Order>() })

function suffer({ trouble, flag }: Order): void {
  if (trouble === 'wait') return waitFor(flag!)
  if (trouble === undefined || (flag !== undefined && !isUsedUp(flag))) return
  if (trouble === 'exit') process.exit(3)
  if (trouble === 'loop') for (;;) {}
  setImmediate(() => {
    throw new Error('nobody catches this')
  })
}

/** Stands still until the file is there; leaves a mark beside it for every call. */
function waitFor(flag: string): void {
  appendFileSync(callsOf(flag), '.')
  const nothing = new Int32Array(new SharedArrayBuffer(4))
  while (!existsSync(flag)) Atomics.wait(nothing, 0, 0, 5)
}

export function callsOf(flag: string): string {
  return `${flag}.calls`
}

/** True for the one caller that found the file. */
function isUsedUp(flag: string): boolean {
  try {
    rmSync(flag)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return false
  }
}

/** A pipeline whose callback ruins its thread when a record says so. */
export default pipeline('troubled', { commitInterval: 20 }, p => {
  const all = p.from(orders, { outOfOrder: '1s', idle: 'never' }).peek(suffer)
  all.to(copies)
  all
    .keyBy('shop')
    .window(tumbling('10s'))
    .aggregate('by-shop', { orders: count() })
    .emit('final')
    .to(perShop)
})
