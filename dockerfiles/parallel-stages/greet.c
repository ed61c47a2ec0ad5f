#include <stdio.h>

/* greet FILE: prints the greeting that FILE holds, with "Hello" in front of it. */
int main(int argc, char **argv)
{
    char name[100];
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;

    if (file == NULL || fgets(name, sizeof name, file) == NULL) {
        fprintf(stderr, "usage: greet FILE\n");
        return 1;
    }
    printf("Hello, %s", name);
    return fclose(file) == 0 ? 0 : 1;
}
