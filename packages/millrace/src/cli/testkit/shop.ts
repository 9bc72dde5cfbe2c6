/** A project with one topic, one pipeline and one result. */
export const SHOP: Readonly<Record<string, string>> = {
  'topics.ts': `import { topic, json } from 'millrace'
export type View = { visitor: string; url: string; ms: number; at: number }
export const views = topic('views', {
  value: json<View>(), key: v => v.visitor, timestamp: v => v.at, partitions: 2,
})
export const counts = topic('counts', { value: json<{ key: string; start: number; end: number; n: number }>() })
`,
  'pipelines/engagement.ts': `import { count, pipeline, tumbling } from 'millrace'
import { counts, views } from '../topics.ts'
export default pipeline('engagement', p => {
  p.from(views).filter(v => v.ms > 0)
    .keyBy('url').window(tumbling('1m')).aggregate('per-page', { n: count() }).emit('final').to(counts)
})
`,
}

/** `n` views, one a second from a full minute on, of two pages and three visitors. */
export function viewLines(n: number): string {
  const lines = Array.from({ length: n }, (_, i) =>
    JSON.stringify({
      visitor: `v${i % 3}`,
      url: i % 2 === 0 ? '/home' : '/cart',
      ms: 5,
      at: 1_700_000_040_000 + i * 1000,
    }),
  )
  return `${lines.join('\n')}\n`
}
