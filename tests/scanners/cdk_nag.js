// Prints, as JSON, every rule of cdk-nag's packs that applies to a resource of a template, with what it found.
// The packs record what breaks a rule only; here they also record what keeps it, so that a gate can count.
const {App, Stack} = require("aws-cdk-lib");
const {CfnInclude} = require("aws-cdk-lib/cloudformation-include");
const nag = require("cdk-nag");

const PACKS = [nag.HIPAASecurityChecks, nag.NIST80053R5Checks, nag.AwsSolutionsChecks, nag.ServerlessChecks];
const app = new App({analyticsReporting: false});
const stack = new Stack(app, "Scanned");
new CfnInclude(stack, "Template", {templateFile: process.argv[2]});

const rows = [];
for (const Pack of PACKS) {
  class Recording extends Pack {
    applyRule({rule, ruleSuffixOverride, node}) {
      const name = `${this.packName}-${ruleSuffixOverride || rule.name}`;
      const result = rule(node);
      if (result === nag.NagRuleCompliance.NOT_APPLICABLE) return;
      const found = Array.isArray(result) ? result : result === nag.NagRuleCompliance.COMPLIANT ? [] : [""];
      rows.push({pack: this.packName, rule: name, resource: node.node.id, found});
    }
  }
  new Recording(app).validateScope(stack);
}
console.log(JSON.stringify(rows));
