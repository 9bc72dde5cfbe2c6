import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { MinHeap } from './min-heap.ts'

it('a heap gives its items in the order of their ranks and ties, whenever they came', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined })), steps => {
      const heap = new MinHeap<number>(
        item => item >> 1,
        (a, b) => a - b,
      )
      let model: number[] = []
      for (const step of steps) {
        if (step === undefined) heap.removeFirst()
        else heap.add(step)
        model = step === undefined ? model.slice(1) : [...model, step].sort((a, b) => a - b)
        assert.equal(heap.first, model[0])
      }
      heap.clear()
      assert.equal(heap.first, undefined)
    }),
  )
})
