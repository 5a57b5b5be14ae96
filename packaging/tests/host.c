/* Loads the plugin that its argument names, and runs it. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int (*run)(void) = NULL;
    void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *found = plugin != NULL ? dlsym(plugin, "plugin_run") : NULL;

    if (found == NULL) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: host PLUGIN");
        return 1;
    }
    /* ISO C has no conversion between them, POSIX has. */
    memcpy(&run, &found, sizeof run);
    return run() != 0 || dlclose(plugin) != 0;
}
