import { json, pipeline, topic } from 'millrace'

const numbers = topic('numbers', { value: json<{ n: number }>() })
const texts = topic('texts', { value: json<{ text: string }>() })

export const fieldThatIsNotThere = pipeline('a', p => {
  // @ts-expect-error the value has no field m
  p.from(numbers).filter(v => v.m > 0)
})

export const sinkOfAnotherType = pipeline('b', p => {
  // @ts-expect-error numbers do not fit a topic of texts
  p.from(numbers).to(texts)
})
