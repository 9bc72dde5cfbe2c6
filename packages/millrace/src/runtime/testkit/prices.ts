import { json, pipeline, topic } from '../../index.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)

/** A pipeline that worker threads can load: sales get the prices of a global table. */
export interface Sale {
  readonly id: number
  readonly product: string
}

export const sales = topic(`${prefix}sales`, { value: json<Sale>(), partitions: 4 })
export const prices = topic(`${prefix}prices`, {
  value: json<{ price: number }>(),
  cleanup: 'compact',
  partitions: 3,
})
export const sold = topic(`${prefix}sold`, {
  value: json<{ id: number; price: number | null }>(),
  partitions: 4,
})

export default pipeline('prices', p => {
  p.from(sales)
    .leftJoinGlobal(p.globalTable(prices, { name: 'known-prices' }), { key: 'product' }, ({ id }, row) => ({
      id,
      price: row?.price ?? null,
    }))
    .to(sold)
})
