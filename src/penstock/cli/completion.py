"""`penstock completion`: scripts that let shells complete commands."""

import click
from click.shell_completion import get_completion_class

from penstock.cli.commands import Command
from penstock.cli.session import Session, pass_session


@click.command(
    cls=Command,
    examples=[
        'eval "$(penstock completion bash)"          # in ~/.bashrc',
        'eval "$(penstock completion zsh)"           # in ~/.zshrc',
        "penstock completion fish > ~/.config/fish/completions/penstock.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_session
def completion(session: Session, context: click.Context, shell: str) -> None:
    """Let the shell complete commands.

    Prints the script to do so; see the examples for where it goes.
    """
    found = get_completion_class(shell)
    assert found is not None
    root = context.find_root()
    program = root.info_name or "penstock"
    script = found(root.command, {}, program, "_PENSTOCK_COMPLETE")
    session.terminal.out.write(script.source())
