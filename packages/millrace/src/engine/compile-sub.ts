import type { Graph } from '../plan/graph.ts'
import { subTopologies } from '../plan/sub-topology.ts'
import { canGenerateCode } from '../serde/json/code.ts'
import { compileProgram } from './compile/program.ts'
import { decoderOf } from './decode.ts'
import { interpretProgram } from './interpret.ts'
import type { Program } from './program.ts'
import { planSubTopology, type SubPlan } from './sub-plan.ts'

export interface ProgramSettings {
  readonly app: string
  /** Nothing unchecked gets into the log (SEMANTICS 5.6). */
  readonly closedLog: boolean
  /** `compiled` falls back to the interpreter where code must not be generated. */
  readonly mode: 'compiled' | 'interpreted'
  /** Freezes values, so that a callback that changes one fails; the interpreter always does. */
  readonly freeze: boolean
}

/** A sub-topology ready to run: its plan and the program all its tasks on this thread share. */
export interface SubProgram {
  readonly plan: SubPlan
  readonly program: Program
}

/** Turns a graph into programs, one per sub-topology. */
export function buildPrograms(graph: Graph, settings: ProgramSettings): SubProgram[] {
  const isCompiled = settings.mode === 'compiled' && canGenerateCode()
  return subTopologies(graph).map(sub => {
    const freeze = settings.freeze || !isCompiled
    const plan = planSubTopology(graph, sub, { ...settings, freeze })
    const options = { closedLog: settings.closedLog, project: isCompiled }
    const decoders = [...sub.inputs, ...sub.globals].map(input => decoderOf(graph, input, options))
    const program = isCompiled
      ? compileProgram(plan, { decoders, freeze: settings.freeze })
      : interpretProgram(
          plan,
          decoders.map(({ decode }) => decode),
        )
    return { plan, program }
  })
}
