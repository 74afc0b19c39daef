#include "compiler/cli/cli.h"
static const struct cli_option o[]={{0}};
static int run(const struct command *c,int a,char**v){(void)c;(void)a;(void)v;return 3;}
const struct command cmd_show={"show","","",o,run};
