/** What to write instead of TypeScript that means something at run time; `line` is where it stands. */
export function erasableWayOut(message: string, line: string): string {
  if (message.includes('enum')) {
    const name = /\benum\s+(\w+)/.exec(line)?.[1] ?? 'Name'
    return `const ${name} = { … } as const instead of enum ${name}, with type ${name} = (typeof ${name})[keyof typeof ${name}] where the type is needed`
  }
  if (message.includes('parameter property')) {
    const found =
      /\b(?:public|private|protected|readonly|override)\s+(?:readonly\s+)?(\w+)/.exec(line)?.[1] ?? 'name'
    return `declare the field in the class and write this.${found} = ${found} in the constructor`
  }
  if (message.includes('namespace') || message.includes('module')) {
    const name = /\b(?:namespace|module)\s+(\w+)/.exec(line)?.[1] ?? 'Name'
    return `put what is in ${name} into a file of its own and import * as ${name} from './${name.toLowerCase()}.ts'`
  }
  if (message.includes('import equals')) return "import name from '…' instead of import name = require('…')"
  if (message.includes('export assignment')) return 'export default … instead of export = …'
  if (message.includes('angle-bracket')) return 'value as Type instead of <Type>value'
  return 'plain JavaScript with types; "erasableSyntaxOnly": true in tsconfig.json shows all such places in the editor'
}
